resource "startree_role" "reader" {
  name = "orders-reader"
}

# A group of the identity provider. The reference by `id` lets Terraform destroy the assignment before the role.
resource "startree_role_assignment" "analysts" {
  role         = startree_role.reader.id
  subject_type = "group"
  subject      = "data-analysts"
}

# All people with an email address in a domain.
resource "startree_role_assignment" "acme" {
  role         = startree_role.reader.id
  subject_type = "domain"
  subject      = "acme.com"
}
