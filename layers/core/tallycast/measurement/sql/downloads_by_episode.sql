-- Downloads of a show by episode, most first, with their share in hundredths of a per cent.
SELECT episode_id, count(*) AS downloads, count(DISTINCT listener) AS listeners,
    CAST(floor(count(*) * 10000.0 / sum(count(*)) OVER ()) AS bigint) AS share
FROM downloads
WHERE tenant = :tenant AND rules = :rules AND dt BETWEEN :first AND :last
    AND show_id = :show
GROUP BY episode_id
ORDER BY downloads DESC, episode_id
