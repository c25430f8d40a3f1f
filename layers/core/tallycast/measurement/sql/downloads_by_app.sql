-- Downloads of a show by app, most first; NULL is not known.
SELECT app, count(*) AS downloads
FROM downloads
WHERE tenant = :tenant AND rules = :rules AND dt BETWEEN :first AND :last
    AND show_id = :show
GROUP BY app
ORDER BY downloads DESC, app
