import {
  to = startree_service_token.dashboards
  id = "XkQBXKr652MV1VF9"
}
