-- Downloads of a show by referrer, most first; NULL is not known.
SELECT referrer, count(*) AS downloads
FROM downloads
WHERE tenant = :tenant AND rules = :rules AND dt BETWEEN :first AND :last
    AND show_id = :show
GROUP BY referrer
ORDER BY downloads DESC, referrer
