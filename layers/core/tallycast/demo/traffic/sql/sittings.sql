-- One row per sitting: a client at a network address wants the seconds from_s … to_s of an
-- episode, from start_us on. A wish becomes one sitting, or up to three with pauses between them;
-- a watch repeats its phone's.
CREATE OR REPLACE TEMP TABLE sittings AS
WITH begun AS (
    SELECT
        wishes.*,
        actors.* EXCLUDE (actor, agent_no),
        episodes.seconds,
        CASE WHEN agent_two IS NOT NULL AND draw(wish, 'device') < 0.25
            THEN agent_two ELSE agent_no END AS agent_no
    FROM wishes
    INNER JOIN actors USING (actor)
    INNER JOIN episodes USING (episode_no)
),

styled AS (
    SELECT begun.*, coalesce(begun.own_style, agents.style) AS style
    FROM begun
    INNER JOIN agents USING (agent_no)
),

reached AS (
    SELECT
        *,
        -- How far the listener gets. Nobody stops between 50 and 70 seconds: what is about a
        -- minute is no test of a rule.
        CASE
            WHEN style IN ('crawl', 'watch') THEN seconds
            WHEN style = 'preload' THEN 1 + 5 * draw(wish, 'reach')
            WHEN draw(wish, 'sample') < CASE WHEN style = 'download' THEN 0.015 ELSE 0.12 END
                THEN least(seconds, 4 + 46 * draw(wish, 'reach'))
            WHEN style = 'download' OR draw(wish, 'completes') < 0.4 THEN seconds
            ELSE least(seconds, greatest(70, seconds * draw(wish, 'reach')))
        END AS reach
    FROM styled
),

counted AS (
    SELECT
        *,
        CASE
            WHEN style IN ('stream', 'web', 'speaker') AND reach > 600
                THEN 1 + (draw(wish, 'sittings') < 0.28)::INTEGER
                    + (draw(wish, 'sittings') < 0.08)::INTEGER
            WHEN style = 'download' AND draw(wish, 'sittings') < 0.06 THEN 2
            ELSE 1
        END AS sittings
    FROM reached
),

sat AS (
    SELECT
        counted.* EXCLUDE (start_us, style, agent_no),
        nth,
        (hash(wish + salt('sitting') + nth) >> 3)::BIGINT AS sitting,
        CASE WHEN nth = 0 THEN start_us ELSE start_us
            + ((reach * nth / sittings
                + nth * (900 + 90000 * pow(draw(wish + nth, 'gap'), 3))) * 1e6)::BIGINT
        END AS start_us,
        CASE WHEN style = 'download' AND nth > 0 THEN 'again' ELSE style END AS style,
        -- Who sits down again sometimes takes the other device.
        CASE WHEN nth > 0 AND style <> 'download' AND agent_two IS NOT NULL
            AND draw(wish + nth, 'other') < 0.2 THEN agent_two ELSE agent_no END AS agent_no
    FROM counted, range(3) AS numbers(nth)
    WHERE nth < sittings
),

spanned AS (
    SELECT
        * EXCLUDE (reach),
        CASE WHEN style IN ('stream', 'web', 'speaker') THEN reach * nth / sittings ELSE 0 END
            AS from_s,
        CASE WHEN style IN ('stream', 'web', 'speaker') THEN reach * (nth + 1) / sittings
            ELSE reach END AS to_s,
        who AS sitting_who
    FROM sat
),

with_watches AS (
    SELECT * FROM spanned
    UNION ALL
    SELECT * REPLACE (
        (hash(sitting + salt('watch')) >> 3)::BIGINT AS sitting,
        start_us + 60000000 + (draw(sitting, 'watch') * 3600e6)::BIGINT AS start_us,
        getvariable('first_watch')
            + floor(draw(key, 'watch model') * getvariable('watches'))::BIGINT AS agent_no,
        'watch' AS style,
        'watch' AS sitting_who,
        false AS human,
        0 AS from_s,
        seconds AS to_s
    )
    FROM spanned
    WHERE has_watch AND nth = 0 AND agent_no IN (
        SELECT agent_no FROM agents WHERE family IN ('Apple Podcasts', 'AppleCoreMedia')
    )
),

-- Where each sitting comes from. A day's requests of one person may come from several networks.
connected AS (
    SELECT
        *,
        (start_us - getvariable('start_us')) // 86400000000 AS nth_day,
        CASE
            WHEN network_of IS NOT NULL THEN network_of
            WHEN works AND in_office_hours AND draw(sitting, 'office') < 0.7
                THEN CASE WHEN draw(key, 'campus') < 0.3 THEN 'campus' ELSE 'office' END
            WHEN draw(sitting, 'moving') < CASE WHEN automatic THEN 0.08 ELSE 0.3 END
                THEN CASE WHEN six THEN 'carrier6' ELSE 'carrier' END
            WHEN six THEN 'home6'
            ELSE 'home'
        END AS network_kind
    FROM with_watches
)

SELECT
    sitting,
    actor,
    sitting_who AS who,
    human,
    place_no,
    episode_no,
    agent_no,
    style,
    start_us,
    from_s,
    to_s,
    networks.network_no,
    -- An address is a number; no two networks share one. Shared ones stay within a town of 1024
    -- actors, so that towns can be generated and judged apart.
    networks.network_no * 17592186044416 + CASE network_kind
        WHEN 'carrier' THEN (town * 32 + place_no) * 4 + floor(draw(key + nth_day, 'mast') * 3)
        WHEN 'carrier6' THEN actor * 1024 + nth_day + 2
        WHEN 'office' THEN (town * 32 + place_no) * 2 + (draw(key, 'desk') < 0.5)::INTEGER
        WHEN 'campus' THEN town * 32 + place_no
        WHEN 'relay' THEN (town * 32 + place_no) * 2 + (draw(sitting, 'exit') < 0.5)::INTEGER
        WHEN 'vpn' THEN town * 8 + floor(draw(sitting, 'exit') * 3)
        WHEN 'data_centre' THEN actor * 4 + floor(draw(sitting, 'machine') * 3)
        WHEN 'rack' THEN actor
        WHEN 'bot' THEN actor * 4 + floor(draw(sitting, 'machine') * 2)
        ELSE (actor // 2) * 1024 + floor(
            ((start_us - getvariable('start_us')) / 3600e6 + 48 + 24 * draw(home_key, 'renewed'))
            / lease_hours
        )
    END::BIGINT AS ip
FROM connected
INNER JOIN networks ON networks.kind = connected.network_kind;
