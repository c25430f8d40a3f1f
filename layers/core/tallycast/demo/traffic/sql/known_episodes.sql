-- EPISODES rows: what a feed says of its files, no more.
SELECT
    media,
    episode_id,
    show_id,
    zone,
    make_timestamp(released_us) AS released_at,
    CASE WHEN known = 'all' THEN seconds END AS duration_seconds,
    length AS length_bytes,
    CASE WHEN known = 'all' THEN bitrate END AS bitrate_bps,
    header AS header_bytes
FROM episodes
WHERE known <> 'stray'
ORDER BY show_id, released_us, media
