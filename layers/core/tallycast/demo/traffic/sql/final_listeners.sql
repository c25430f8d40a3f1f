-- show_id '*' stands for all shows together; each with the days of its own zone.
SELECT kind, period, start, show_id, sum(listeners)::BIGINT AS listeners
FROM true_listeners
GROUP BY ALL
ORDER BY ALL
