-- Data quality by stream and UTC day: requests taken in, lines that could not be read, and the
-- share of good ones in hundredths of a per cent. A file without one good line is of no stream.
WITH taken AS (
    SELECT dt, file_id, max(source) AS stream, count(*) AS requests
    FROM requests
    WHERE tenant = :tenant AND dt BETWEEN :first AND :last
    GROUP BY dt, file_id
), streams AS (
    SELECT file_id, max(stream) AS stream FROM taken GROUP BY file_id
), good AS (
    SELECT dt, stream, sum(requests) AS requests, 0 AS quarantined
    FROM taken
    GROUP BY dt, stream
), bad AS (
    SELECT q.dt, coalesce(s.stream, 'unknown') AS stream, 0 AS requests, count(*) AS quarantined
    FROM quarantine q
    LEFT JOIN streams s ON s.file_id = q.file_id
    WHERE q.tenant = :tenant AND q.dt BETWEEN :first AND :last
    GROUP BY q.dt, coalesce(s.stream, 'unknown')
), lines AS (
    SELECT dt, stream, requests, quarantined FROM good
    UNION ALL
    SELECT dt, stream, requests, quarantined FROM bad
)
SELECT dt, stream, CAST(sum(requests) AS bigint) AS requests,
    CAST(sum(quarantined) AS bigint) AS quarantined,
    CAST(floor(sum(requests) * 10000.0 / (sum(requests) + sum(quarantined))) AS bigint) AS score
FROM lines
GROUP BY dt, stream
ORDER BY dt, stream
