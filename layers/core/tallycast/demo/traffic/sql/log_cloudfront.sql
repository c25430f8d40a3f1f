-- sc-bytes counts the headers as well; sc-range-… are those of the answer's Content-Range.
SELECT text FROM (
    SELECT -2 AS line, '#Version: 1.0' AS text
    UNION ALL
    SELECT -1, '#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem'
        || ' sc-status cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type'
        || ' x-edge-request-id x-host-header cs-protocol cs-bytes time-taken x-forwarded-for'
        || ' ssl-protocol ssl-cipher x-edge-response-result-type cs-protocol-version fle-status'
        || ' fle-encrypted-fields c-port time-to-first-byte x-edge-detailed-result-type'
        || ' sc-content-type sc-content-len sc-range-start sc-range-end'
    UNION ALL
    SELECT line, concat_ws(chr(9),
        strftime(time, '%Y-%m-%d'), strftime(time, '%H:%M:%S'), 'FRA56-P4',
        (bytes_sent + 431 + line % 64)::VARCHAR, ip, method, split_part(media, '/', 1),
        substr(media, length(split_part(media, '/', 1)) + 1), status::VARCHAR,
        coalesce(escaped(nullif(referrer, '')), '-'),
        coalesce(escaped(nullif(user_agent, '')), '-'), '-', '-',
        CASE WHEN status >= 400 THEN 'Error' ELSE 'Hit' END, request_id,
        split_part(media, '/', 1), 'https', '240', '0.101', '-', 'TLSv1.3',
        'TLS_AES_128_GCM_SHA256', CASE WHEN status >= 400 THEN 'Error' ELSE 'Hit' END, 'HTTP/2.0',
        '-', '-', '51820', '0.044', CASE WHEN status >= 400 THEN 'Error' ELSE 'Hit' END,
        'audio/mpeg',
        CASE form WHEN 'none' THEN total_bytes WHEN 'open' THEN total_bytes - lo_b
            WHEN 'nothing' THEN 0 ELSE bytes_sent END::VARCHAR,
        CASE WHEN form IN ('closed', 'open', 'probe', 'tail') THEN lo_b::VARCHAR ELSE '-' END,
        CASE WHEN form = 'open' THEN (total_bytes - 1)::VARCHAR
            WHEN form IN ('closed', 'probe', 'tail') THEN (hi_b - 1)::VARCHAR ELSE '-' END
    )
    FROM log_rows
)
ORDER BY line
