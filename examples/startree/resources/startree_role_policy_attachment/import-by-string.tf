import {
  to = startree_role_policy_attachment.reader_read_only
  id = "orders-reader/query-orders"
}
