-- Every request of every sitting, in numbers only. lo_s … hi_s are the seconds that the listener
-- got with it, lo_b … hi_b (exclusive) the bytes.
CREATE OR REPLACE TEMP TABLE requests AS
WITH stepped AS (
    SELECT
        sittings.*,
        steps.* EXCLUDE (what),
        CASE WHEN sittings.style = 'preload' AND steps.what = 'audio' THEN 'preload'
            ELSE steps.what END AS what,
        episodes.rate,
        episodes.header,
        episodes.length,
        episodes.prefix,
        episodes.zone_no AS show_zone,
        (hash(sitting + salt('request') + steps.step) >> 3)::BIGINT AS request,
        start_us + (
            (steps.wait * (0.8 + 0.4 * draw(sitting + steps.step, 'wait'))
            + steps.pace * steps.begin_at * (to_s - from_s)) * 1e6
        )::BIGINT AS time_us,
        CASE WHEN form = 'none' THEN 0 ELSE from_s + begin_at * (to_s - from_s) END AS asked_lo,
        from_s + end_at * (to_s - from_s) AS asked_hi
    FROM sittings
    INNER JOIN style_slots
        ON style_slots.style = sittings.style
        AND style_slots.slot = floor(draw(sitting, 'habit') * 100)::BIGINT
    INNER JOIN steps USING (habit)
    INNER JOIN episodes USING (episode_no)
),

measured AS (
    SELECT
        *,
        form IN ('none', 'closed', 'open', 'pair') AS gives,
        CASE WHEN asked_lo <= 0 THEN 0 ELSE header + round(asked_lo * rate)::BIGINT END AS first_b,
        least(length, header + round(asked_hi * rate)::BIGINT) AS past_b
    FROM stepped
    WHERE time_us >= getvariable('start_us')
        AND time_us < getvariable('start_us') + getvariable('days') * 86400000000
),

delivered AS (
    SELECT
        request,
        false AS replay,
        time_us,
        actor,
        who,
        human,
        what,
        form,
        episode_no,
        show_zone,
        prefix,
        agent_no,
        network_no,
        ip,
        place_no,
        sitting,
        style,
        method,
        CASE WHEN prefix THEN 302 ELSE status END AS status,
        CASE WHEN gives THEN asked_lo ELSE 0 END AS lo_s,
        CASE WHEN gives THEN asked_hi ELSE 0 END AS hi_s,
        CASE WHEN gives THEN first_b WHEN form = 'tail' THEN length - 128 ELSE 0 END AS lo_b,
        CASE WHEN gives THEN past_b WHEN form = 'tail' THEN length
            WHEN form = 'probe' THEN 2 ELSE 0 END AS hi_b
    FROM measured
)

SELECT * FROM delivered
UNION ALL
-- Now and then the same request is delivered twice.
SELECT * REPLACE (true AS replay) FROM delivered WHERE draw(request, 'replay') < 0.003
ORDER BY time_us, request, replay;
