"""What developers and tests start: real peers of the product, in temporary folders. No part of the product needs it."""
