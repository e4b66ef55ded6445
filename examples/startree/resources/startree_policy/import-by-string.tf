import {
  to = startree_policy.read_only
  id = "query-orders"
}
