resource "startree_role" "reader" {
  name = "orders-reader"
}

resource "startree_policy" "read_only" {
  name     = "query-orders"
  document = jsonencode({ version = "v1", statements = [] })
}

# References by `id` let Terraform destroy the attachment before the role and the policy.
resource "startree_role_policy_attachment" "reader_read_only" {
  role   = startree_role.reader.id
  policy = startree_policy.read_only.id
}
