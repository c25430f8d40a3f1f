SELECT
    strftime(time, '%Y-%m-%dT%H:%M:%S.%fZ') AS time,
    ip,
    '' AS ip_hash,
    method,
    concat('https://', media) AS url,
    status,
    range,
    user_agent,
    referrer,
    request_id,
    'prefix' AS source
FROM log_rows
ORDER BY line
