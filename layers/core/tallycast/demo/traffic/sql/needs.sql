-- Which IPv4 addresses are needed where, numbered in an order of chance.
CREATE OR REPLACE TEMP TABLE needs AS
SELECT
    country,
    network,
    ip,
    row_number() OVER (
        PARTITION BY country, network ORDER BY hash(ip + salt('address')), ip
    ) - 1 AS nth
FROM (
    SELECT DISTINCT
        ip,
        CASE WHEN network IN ('data_centre', 'vpn', 'relay') THEN '' ELSE country END AS country,
        network
    FROM requests
    INNER JOIN networks USING (network_no)
    INNER JOIN places USING (place_no)
    WHERE NOT six
);
