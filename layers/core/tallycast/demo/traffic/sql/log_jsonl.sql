SELECT
    strftime(time, '%Y-%m-%dT%H:%M:%S.%fZ') AS time,
    request_id,
    ip,
    method,
    concat('https://', media) AS url,
    status,
    range,
    bytes_sent,
    CASE WHEN status IN (200, 206) THEN total_bytes END AS total_bytes,
    user_agent,
    referrer,
    session
FROM log_rows
ORDER BY line
