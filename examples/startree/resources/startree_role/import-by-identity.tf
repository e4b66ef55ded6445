import {
  to = startree_role.reader
  identity = {
    name = "orders-reader"
  }
}
