-- What became of a show's requests, by episode, day and verdict. They add up to the requests.
SELECT episode_id, dt, rule, CAST(sum(requests) AS bigint) AS requests
FROM waterfall
WHERE tenant = :tenant AND rules = :rules AND dt BETWEEN :first AND :last
    AND show_id = :show
GROUP BY episode_id, dt, rule
ORDER BY episode_id, dt, requests DESC, rule
