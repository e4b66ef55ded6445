resource "startree_role" "reader" {
  name = "orders-reader"
}

resource "startree_policy" "read_only" {
  name     = "query-orders"
  document = jsonencode({ version = "v1", statements = [] })
}

# By `id`, so that the attachment goes before the role or the policy does.
resource "startree_role_policy_attachment" "reader_read_only" {
  role   = startree_role.reader.id
  policy = startree_policy.read_only.id
}
