# The id is <role>/<policy>.
terraform import startree_role_policy_attachment.reader_read_only orders-reader/query-orders
