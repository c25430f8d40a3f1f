-- Downloads of a show by country, most first; NULL is not known.
SELECT country, count(*) AS downloads
FROM downloads
WHERE tenant = :tenant AND rules = :rules AND dt BETWEEN :first AND :last
    AND show_id = :show
GROUP BY country
ORDER BY downloads DESC, country
