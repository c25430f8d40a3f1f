"""Questions of dashboards, answered from rollups; exports of any table."""
