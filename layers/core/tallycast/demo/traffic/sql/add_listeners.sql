-- Distinct listeners of a day, a week from Monday, a month: of each show, and of all ('').
INSERT INTO true_listeners
WITH periods AS (
    SELECT unit, show_id, date_trunc(period, DATE '1970-01-01' + day::INTEGER)::DATE AS start, period
    FROM groups
    INNER JOIN episodes USING (episode_no), (VALUES ('day'), ('week'), ('month')) AS names(period)
    WHERE counted
)

SELECT '$kind', period, start, show_id, count(DISTINCT unit) FROM periods GROUP BY ALL
UNION ALL
SELECT '$kind', period, start, '*', count(DISTINCT unit) FROM periods GROUP BY ALL;
