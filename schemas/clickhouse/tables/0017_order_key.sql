-- Reports of one order id far apart in time are several orders: `order_key` is what the reports share, `conversion_id` names each.
ALTER TABLE conversions ADD COLUMN IF NOT EXISTS order_key UInt64 DEFAULT conversion_id AFTER conversion_id;
