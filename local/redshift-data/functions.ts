/**
 * Functions a statement may call: an allow-list, because PostgreSQL has hundreds that Redshift lacks.
 * `shared` mean the same in both; `own` are defined by `system-schema.ts` with Redshift's meaning.
 * Every call is qualified, so that no object of a user can stand in front of one.
 */
export const shared = new Set(
  `abs ceil ceiling floor round trunc mod sign sqrt cbrt power exp ln log random
   upper lower initcap length char_length character_length octet_length btrim ltrim rtrim lpad rpad left right
   substring substr position strpos replace translate reverse repeat ascii chr md5 split_part
   to_char to_date to_number date_trunc timezone
   count sum min max avg stddev stddev_samp stddev_pop variance var_samp var_pop bool_and bool_or
   row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value
   pg_backend_pid current_database current_schema has_schema_privilege has_table_privilege has_database_privilege`.split(
    /\s+/,
  ),
);

/** Redshift name -> name in the schema `redshift_system`. */
export const own = new Set(
  'getdate sysdate concat dateadd datediff date_part last_day sha2 pg_last_copy_count'.split(' '),
);

/** Synonyms of shared functions. */
export const synonyms: Record<string, string> = {
  len: 'char_length',
  textlen: 'char_length',
  func_md5: 'md5',
};

/** Functions whose first argument is a bare date part: DATEADD(day, 1, x). */
export const takesDatePart = new Set(['dateadd', 'datediff', 'date_part']);

/** Window calls of these with ORDER BY need an explicit frame in Redshift. */
export const needsFrame = new Set(
  'count sum min max avg stddev stddev_samp stddev_pop variance var_samp var_pop bool_and bool_or first_value last_value nth_value'.split(
    ' ',
  ),
);
