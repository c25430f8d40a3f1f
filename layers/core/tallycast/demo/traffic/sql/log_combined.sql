-- host ident user [time] "request" status bytes "referrer" "agent" "range"
SELECT concat(
    ip, ' - - [', strftime(time, '%d/%b/%Y:%H:%M:%S +0000'), '] "', method, ' https://', media,
    ' HTTP/1.1" ', status, ' ', bytes_sent, ' "', coalesce(nullif(referrer, ''), '-'), '" "',
    coalesce(nullif(replace(replace(user_agent, '\', '\\'), '"', '\"'), ''), '-'), '" "',
    coalesce(range, '-'), '"'
)
FROM log_rows
ORDER BY line
