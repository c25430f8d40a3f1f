-- Who wants which episode, and when: automatic downloads soon after the release, on-demand
-- listening in the days after it by the hours of the place, and the back catalogue at any time.
CREATE OR REPLACE TEMP TABLE wishes AS
WITH subscriptions AS (
    SELECT DISTINCT
        actor,
        floor(pow(getvariable('shows') + 1, draw(key + nth, 'show')))::BIGINT - 1 AS show_no
    FROM actors, range(12) AS numbers(nth)
    WHERE nth < subs
),

candidates AS (
    SELECT
        actors.*,
        episodes.episode_no,
        episodes.seconds,
        episodes.released_us,
        episodes.released_us >= getvariable('start_us') AS fresh,
        (hash(actors.key + salt('episode') + episodes.episode_no * 7919) >> 3)::BIGINT AS wish
    FROM actors
    INNER JOIN subscriptions USING (actor)
    INNER JOIN episodes USING (show_no)
    WHERE NOT scrapes
),

wanted AS (
    SELECT
        *,
        fresh AND (who = 'bot' OR draw(wish, 'auto') < 0.75)
            AND (who = 'bot' OR agent_no IN (SELECT agent_no FROM agents WHERE style = 'download'))
            AS automatic
    FROM candidates
    WHERE draw(wish, 'wants')
        < (0.7 + 0.6 * draw(episode_no, 'hit')) * CASE WHEN fresh THEN p_new ELSE p_old END
),

dated AS (
    SELECT
        *,
        CASE
            WHEN NOT fresh THEN floor(draw(wish, 'day') * getvariable('days'))
            ELSE floor(
                (released_us - getvariable('start_us')) / 86400e6
                + CASE WHEN draw(wish, 'tail') < 0.8
                    THEN -ln(1 - draw(wish, 'lag')) * 1.6
                    ELSE (pow(1 - draw(wish, 'lag'), -0.9) - 1) * 3 END
            )
        END::BIGINT AS day
    FROM wanted
),

timed AS (
    SELECT
        dated.*,
        CASE WHEN automatic THEN released_us + (pow(draw(wish, 'poll'), 2) * 28800e6)::BIGINT
            ELSE greatest(
                local_days.start_us + ((hours.hour + draw(wish, 'minute')) * 3600e6)::BIGINT,
                released_us + (draw(wish, 'minute') * 7200e6)::BIGINT
            )
        END AS start_us,
        NOT local_days.weekend AND hours.hour BETWEEN 8 AND 17 AND NOT automatic AS in_office_hours
    FROM dated
    INNER JOIN places USING (place_no)
    INNER JOIN local_days
        ON local_days.zone_no = places.zone_no
        AND local_days.day = CASE WHEN automatic THEN 0 ELSE dated.day END
    INNER JOIN hours
        ON hours.weekend = local_days.weekend
        AND hours.slot = floor(draw(wish, 'hour') * 1024)::BIGINT
),

-- A scraper takes 87 files that are out, or all, in 14 minutes, once. That of every set comes at
-- ten in the morning UTC, when it is the same date in nearly all zones; others at any time, so that
-- a midnight may cut their spike in two.
scrapers AS (
    SELECT
        *,
        getvariable('start_us')
        + CASE WHEN actor < getvariable('rare_roles')
            THEN (floor(draw(key, 'moment') * getvariable('days')) * 86400e6 + 36000e6)::BIGINT
            ELSE (draw(key, 'moment') * (getvariable('days') * 86400e6 - 840e6))::BIGINT
        END AS moment
    FROM actors
    WHERE scrapes
),

scraped AS (
    SELECT
        scrapers.*,
        episodes.episode_no,
        (hash(key + salt('file') + episode_no) >> 3)::BIGINT AS wish,
        row_number() OVER (PARTITION BY actor ORDER BY draw(key + episode_no, 'file')) - 1 AS nth
    FROM scrapers
    INNER JOIN episodes ON episodes.released_us <= moment
    QUALIFY nth < 87
)

SELECT actor, episode_no, wish, start_us, automatic, in_office_hours FROM timed
UNION ALL
SELECT actor, episode_no, wish, moment + nth * 9655172, true, false FROM scraped;
