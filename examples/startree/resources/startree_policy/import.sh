# The id is the policy's name.
terraform import startree_policy.read_only query-orders
