SELECT name::text FROM pg_timezone_names WHERE name NOT LIKE 'posix/%' ORDER BY name COLLATE "C"
