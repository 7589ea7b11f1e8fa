"""Azure: container groups behind Traffic Manager, through Microsoft's own SDKs and a pipeline of ours.

Pure halves make bodies and read them (`requests`, `group_views`, `profile_requests`, `profile_views`, `marks`,
`template`); thin ones send them (`container_groups`, `traffic_manager`) over `clients`, which `credentials` and
`providers.retry` serve. `errors` turns whatever Azure raises into `providers.errors`. The SDKs are imported when first
used, never when a module here is.
"""
