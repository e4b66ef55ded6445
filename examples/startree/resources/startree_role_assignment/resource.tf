resource "startree_role" "reader" {
  name = "orders-reader"
}

# A group of the identity provider. By the role's `id`, so that the assignment goes before the role does.
resource "startree_role_assignment" "analysts" {
  role         = startree_role.reader.id
  subject_type = "group"
  subject      = "data-analysts"
}

# Everybody with an address in a domain.
resource "startree_role_assignment" "everybody" {
  role         = startree_role.reader.id
  subject_type = "domain"
  subject      = "acme.com"
}
