-- Too many devices linked with one another: each stands alone. The group keeps a name, so that all of it is found at once.
ALTER TABLE identity_owners ADD COLUMN IF NOT EXISTS wide_group String COMMENT 'the smallest device of a group over its limit; empty = in none' AFTER device_group;
