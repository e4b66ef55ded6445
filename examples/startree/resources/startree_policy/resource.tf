resource "startree_policy" "read_only" {
  name        = "query-orders"
  description = "Queries of the table orders"
  document = jsonencode({
    version = "v1"
    statements = [{
      effect    = "allow"
      actions   = ["query"]
      resources = ["srn2:cluster#*:table#orders"]
    }]
  })
}
