-- What logins are refused by, or warned of. As superuser on the primary; app is the user of the programs.
CREATE DATABASE other;
REVOKE CONNECT ON DATABASE other FROM PUBLIC;
CREATE DATABASE limited CONNECTION LIMIT 0;
-- Users of the spec may come into their own databases alone.
GRANT CONNECT ON DATABASE drivers TO nbsp, nfd, ligature, soft;
-- As after an image with another ICU: each login has a warning that the version of the collation differs.
CREATE DATABASE warned TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US';
UPDATE pg_database SET datcollversion = '1' WHERE datname = 'warned';
