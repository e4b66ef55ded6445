import {
  to = startree_policy.read_only
  identity = {
    name = "query-orders"
  }
}
