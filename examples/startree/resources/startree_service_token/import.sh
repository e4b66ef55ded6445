# The id is the token's access key: what stands between "st-" and the next hyphen, and no more of it.
terraform import startree_service_token.dashboards XkQBXKr652MV1VF9
