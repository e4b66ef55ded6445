# The id is the role's name.
terraform import startree_role.reader orders-reader
