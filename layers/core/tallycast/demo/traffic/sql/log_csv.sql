SELECT
    strftime(time, '%Y-%m-%dT%H:%M:%S.%fZ') AS time,
    ip,
    '' AS ip_hash,
    method,
    concat('https://', media) AS url,
    status,
    range,
    bytes_sent,
    user_agent,
    referrer
FROM log_rows
ORDER BY line
