-- The proxies on the way to a phone, nearest first, as its registration named them (RFC 3327).
ALTER TABLE bindings ADD COLUMN path TEXT NOT NULL DEFAULT '';
