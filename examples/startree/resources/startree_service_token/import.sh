# The id is the token's access key: the part between "st-" and the next hyphen. Never use the whole token.
terraform import startree_service_token.dashboards XkQBXKr652MV1VF9
