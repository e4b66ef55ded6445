import {
  to = startree_role_policy_attachment.reader_read_only
  identity = {
    role   = "orders-reader"
    policy = "query-orders"
  }
}
