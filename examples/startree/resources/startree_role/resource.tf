resource "startree_role" "reader" {
  name        = "orders-reader"
  description = "Reads the table orders"
}
