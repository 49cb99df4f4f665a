SELECT name::text, vartype::text, coalesce(unit, '')::text, coalesce(min_val, '')::text, coalesce(max_val, '')::text,
  coalesce(array_to_string(enumvals, ','), '')::text, context::text, coalesce(boot_val, '')::text
FROM pg_settings ORDER BY name COLLATE "C"
