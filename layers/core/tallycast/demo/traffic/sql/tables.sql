-- What is known in the end, filled chunk by chunk. A day is days since 1970-01-01.
CREATE OR REPLACE TEMP TABLE true_downloads (
    calendar VARCHAR, kind VARCHAR, episode_no BIGINT, day BIGINT, downloads BIGINT
);
CREATE OR REPLACE TEMP TABLE true_listeners (
    kind VARCHAR, period VARCHAR, start DATE, show_id VARCHAR, listeners BIGINT
);
CREATE OR REPLACE TEMP TABLE true_waterfall (
    episode_no BIGINT, day BIGINT, who VARCHAR, what VARCHAR, requests BIGINT
);
