-- The requests that ask for audio, with their two days: the show's own and that of UTC. A prefix
-- sees neither bytes nor what the file's host answered, so there every GET asks, but for probes.
CREATE OR REPLACE TEMP TABLE asked AS
SELECT
    requests.actor,
    requests.ip * 4096 + requests.agent_no AS client,
    requests.episode_no,
    requests.human,
    requests.who,
    requests.what,
    requests.prefix,
    requests.lo_s,
    requests.hi_s,
    CASE WHEN requests.prefix THEN 0 ELSE requests.lo_b END AS lo_b,
    CASE WHEN requests.prefix THEN 0 ELSE requests.hi_b END AS hi_b,
    requests.time_us // 86400000000 AS utc_day,
    (requests.time_us + offsets.offset_us) // 86400000000 AS show_day,
    least(60, episodes.seconds) - 0.001 AS need_s,
    CASE WHEN requests.prefix THEN 0 ELSE episodes.need END AS need_b
FROM requests
INNER JOIN episodes USING (episode_no)
INNER JOIN offsets
    ON offsets.zone_no = requests.show_zone AND offsets.slot = requests.time_us // 900000000
WHERE NOT requests.replay
    AND (requests.what IN ('audio', 'preload', 'tail')
        OR requests.prefix AND requests.what IN ('not_modified', 'error'));
