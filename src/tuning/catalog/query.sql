SELECT name::text, CASE context WHEN 'internal' THEN 'string' ELSE vartype END::text, coalesce(unit, '')::text,
  CASE context WHEN 'internal' THEN '' ELSE coalesce(min_val, '') END::text,
  CASE context WHEN 'internal' THEN '' ELSE coalesce(max_val, '') END::text,
  coalesce(pg_catalog.array_to_string(enumvals, ','), '')::text, context::text,
  CASE context WHEN 'internal' THEN '' ELSE coalesce(boot_val, '') END::text
FROM pg_catalog.pg_settings ORDER BY name COLLATE "C"
