INSERT INTO true_downloads
SELECT '$calendar', '$kind', episode_no, day, count(*)
FROM groups
WHERE counted
GROUP BY ALL;
