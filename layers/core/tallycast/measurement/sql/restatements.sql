-- Final days that changed after all: what was, what is, and why.
SELECT dt, restated_at, rules, show_id, episode_id, old_downloads, new_downloads, cause, detail
FROM restatements
WHERE tenant = :tenant AND dt BETWEEN :first AND :last
ORDER BY restated_at, episode_id
