-- Downloads and listeners of a show by day. Listeners do not add up over days.
SELECT dt, count(*) AS downloads, count(DISTINCT listener) AS listeners
FROM downloads
WHERE tenant = :tenant AND rules = :rules AND dt BETWEEN :first AND :last
    AND show_id = :show
GROUP BY dt
ORDER BY dt
