CREATE OR REPLACE TEMP TABLE addresses AS
SELECT ip, concat(prefix, '.', 1 + nth % 254) AS address
FROM needs
INNER JOIN blocks
    ON blocks.country = needs.country AND blocks.network = needs.network AND block = nth // 254;
