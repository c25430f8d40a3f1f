-- Who makes requests: actors first … past-1, each with a role, a place, an app and networks.
-- The first actors have the rare roles, so that even a small set has every kind of noise.
CREATE OR REPLACE TEMP TABLE actors AS
WITH born AS (
    SELECT
        actor,
        actor // 1024 AS town,
        (hash(actor + salt('actor')) >> 3)::BIGINT AS key,
        (hash(actor // 2 + salt('home')) >> 3)::BIGINT AS home_key
    FROM range(getvariable('first'), getvariable('past')) AS numbers(actor)
),

cast_in AS (
    SELECT
        born.*,
        roles.*,
        slots.place_no
    FROM born
    INNER JOIN role_slots ON role_slots.slot = CASE
        WHEN actor < getvariable('rare_roles') THEN -1 - actor
        ELSE floor(draw(key, 'role') * 20000)::BIGINT
    END
    INNER JOIN roles USING (role)
    INNER JOIN place_slots AS slots ON slots.slot = floor(draw(home_key, 'place') * 1024)::BIGINT
)

SELECT
    cast_in.* EXCLUDE (subs_most, subs_least),
    -- More of those who take few shows than of those who take many.
    least(
        getvariable('shows'),
        subs_least + floor((subs_most - subs_least + 1) * pow(draw(key, 'subs'), 2))::BIGINT
    ) AS subs,
    one.first_agent + floor(one.agents * pow(draw(key, 'agent'), 2))::BIGINT AS agent_no,
    CASE WHEN role = 'listener' AND draw(key, 'has two') < 0.25
        THEN two.first_agent + floor(two.agents * pow(draw(key, 'agent two'), 2))::BIGINT
    END AS agent_two,
    role = 'listener' AND draw(key, 'has watch') < 0.08 AS has_watch,
    draw(key, 'works') < 0.3 AS works,
    draw(home_key, 'six') < 0.4 AS six,
    CASE WHEN draw(home_key, 'lease') < 0.15 THEN 24
         WHEN draw(home_key, 'lease') < 0.4 THEN 168
         ELSE 9600 END AS lease_hours
FROM cast_in
INNER JOIN family_slots AS one
    ON one.of_role = cast_in.agents_of AND one.slot = floor(draw(key, 'family') * 1024)::BIGINT
INNER JOIN family_slots AS two
    ON two.of_role = cast_in.agents_of AND two.slot = floor(draw(key, 'family two') * 1024)::BIGINT;
