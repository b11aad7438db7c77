-- Numbers in the form that is matched, however they were written: NULL where they are none of
-- outside, and in rows from before this column.

ALTER TABLE calls ADD COLUMN from_canonical TEXT;
ALTER TABLE calls ADD COLUMN to_canonical TEXT;

CREATE INDEX calls_by_caller ON calls (tenant, from_canonical);
CREATE INDEX calls_by_callee ON calls (tenant, to_canonical);
